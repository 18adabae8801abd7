from gates import AND, NAND, OR

if __name__ == "__main__":
    print([AND(NAND(a, b), OR(a, b)) for a, b in [(0, 0), (1, 0), (0, 1), (1, 1)]])
